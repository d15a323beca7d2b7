"""The static performance report: what every layer costs, counted, and how long a described device would need."""
