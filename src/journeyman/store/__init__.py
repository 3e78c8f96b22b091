"""What must last: event logs, tasks, chunks and blobs."""
