"""Where commands run that nobody vouches for."""
