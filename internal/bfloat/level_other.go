//go:build !amd64

package bfloat

var levels = []level{generic}
