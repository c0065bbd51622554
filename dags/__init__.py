"""One file a DAG family: schedule, order, assets. What a task does is in jobs/."""
