"""E-mails and webhook calls about approval requests and saved views."""
