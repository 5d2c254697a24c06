"""Nothing of its own: the running platform is shared with the other tests from outside."""
