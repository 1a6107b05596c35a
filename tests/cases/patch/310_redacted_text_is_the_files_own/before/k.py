T = "[redacted:aws-key]"
x = 1
