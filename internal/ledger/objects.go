package ledger

import (
	"context"
	"errors"
	"time"
)

// objects are small named objects, each complete or absent.
type objects interface {
	// create writes an object if there is none of this name; else the error is errExists. After any other error it may
	// have been written nevertheless, or may be later.
	create(ctx context.Context, name string, content []byte) error
	// replace writes an object, whether it exists or not.
	replace(ctx context.Context, name string, content []byte) error
	// read returns an object, or errMissing if there is none.
	read(ctx context.Context, name string) ([]byte, error)
	// remove removes an object; errMissing if there is none.
	remove(ctx context.Context, name string) error
	// list calls each for every object below a folder, in any order, until it errs. A folder that does not exist is empty.
	list(ctx context.Context, folder string, each func(object) error) error
	close() error
}

// object is an entry of a list.
type object struct {
	name    string
	written time.Time
}

var (
	errExists  = errors.New("an object of this name exists")
	errMissing = errors.New("there is no object of this name")
)
