module github.com/cudiffuse/cudiffuse

go 1.26.0

require github.com/stretchr/testify v1.12.1

require (
	github.com/alecthomas/kong v1.17.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.49.0
	gonum.org/v1/gonum v0.17.0 // indirect
)
