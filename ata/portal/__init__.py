"""The portal over HTTP: its `/v1`, lists in pages, problem documents."""
