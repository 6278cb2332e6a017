"""A fleet of models on real tables: what Muster pages in quiet, and what it sees and names of injected faults."""
