// Package keys holds the two kinds of key that keep numbers, codes, texts and URLs private: encryption keys, several of
// which may be in use while one takes another's place, and the hash key, of which there is one for ever.
package keys
