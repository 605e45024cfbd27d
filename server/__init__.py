"""The server: the web app, the task queue, the results, the scores."""
