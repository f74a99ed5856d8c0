"""The policy and its codes in plain words: what they say, and all that is known of a code."""
