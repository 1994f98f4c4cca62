"""The dashboard: runs in a browser, finished ones and those that go on. Looking is free; acting stays at the bench."""
