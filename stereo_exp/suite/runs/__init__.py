"""What a run is and what it leaves: its folder, its report, and how later runs find its checkpoint."""
