"""The machine around the node: memory, processes, the middleware."""
