"""Raw pairs to disparity with how far it can be trusted."""
