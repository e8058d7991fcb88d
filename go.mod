module github.com/cudiffuse/cudiffuse

go 1.26
