"""How a model is put to work: the loop, the repair strategy, prompts and policy."""
