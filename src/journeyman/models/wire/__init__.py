"""OpenAI's two streaming wires, Responses and Chat, over one HTTP core."""
