"""How a request is judged: its endpoint, rules, signature, limits, and the faults a test injects."""
