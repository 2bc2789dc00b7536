// Package keys holds the two kinds of key that keep numbers, codes, texts and URLs private: encryption keys, of which
// several may be in use during a rotation, and the hash key, of which there is only one, for ever.
package keys
