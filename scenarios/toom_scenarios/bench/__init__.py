"""`toom bench WHAT`: figures, with the conditions under which they were measured."""
