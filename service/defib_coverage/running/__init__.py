"""How the service is run and watched: whether it is ready, its metrics, its traces, its end."""
