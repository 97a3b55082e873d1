"""What payloads tell of themselves by sd_notify(3): its words (`messages`), its socket and its watchdog (`listening`)."""
