// Package doccheck holds the test that every exported name of the module is documented.
package doccheck
