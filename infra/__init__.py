"""How Lethe is run and checked: the stack of servers, containers, benchmarks, the rules."""
