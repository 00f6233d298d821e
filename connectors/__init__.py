"""How the outside is reached: the exchange, the lake, the simulator. They know the schemas, not each other."""
