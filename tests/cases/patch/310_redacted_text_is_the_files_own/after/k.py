T = "[redacted:aws-key]"
x = 2
