"""What this application needs of the database and the disk beyond Django's ORM."""
