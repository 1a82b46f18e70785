"""The laboratory: whole cluster nodes in namespaces of one machine. `cluster.py` is its command, `client.Lab` its
Python interface for tests, demo and benchmarks."""
