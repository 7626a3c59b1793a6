"""Looking inside networks: what they respond to, and where they look (chapter 04)."""
