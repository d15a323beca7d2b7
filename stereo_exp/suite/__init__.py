"""What makes a run of it all: config nodes become objects; tasks, stages, training, tracking, the run's folder."""
