"""Two stages that compute nothing, under each of the ways to join them that are compared."""
