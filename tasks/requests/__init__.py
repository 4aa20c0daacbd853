"""What must be forgotten: the request, what it selects, what must go with it, and the plan."""
