"""My account: who I am here, where I am signed in, what I did."""
