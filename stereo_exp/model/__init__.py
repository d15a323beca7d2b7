"""The network: backbone -> neck -> head -> regression -> post-process."""
