"""What lets the machine run daytwo: cron's tables, and scripts for people who expect them."""
