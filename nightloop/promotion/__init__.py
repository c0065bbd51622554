"""Who is champion, by whose word: approval, roll-back, retirement, and the registry's alias. See docs/registry.md."""
