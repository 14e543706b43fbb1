module millrace.dev/bench/temporal-server

go 1.24

require go.temporal.io/server v1.29.0
