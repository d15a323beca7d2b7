"""From a float network to one with fewer channels inside its units, which knows what the wide one knew."""
