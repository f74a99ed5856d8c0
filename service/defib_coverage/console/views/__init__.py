"""What the pages tell, made ready for templates: plain data, no HTML but where it says so."""
