package ledger

import (
	"context"
	"errors"
	"time"
)

// objects are small named objects, each whole or not there.
type objects interface {
	// create writes an object unless there is one by this name: then the error is errExists. After any other error it
	// may have been written all the same, even later on.
	create(ctx context.Context, name string, content []byte) error
	// replace writes an object, whether there is one or not.
	replace(ctx context.Context, name string, content []byte) error
	// read returns an object; errMissing where there is none.
	read(ctx context.Context, name string) ([]byte, error)
	// remove takes an object away; errMissing where there is none.
	remove(ctx context.Context, name string) error
	// list calls each for every object below a folder, in no order, until it errs. A folder that is not there is empty.
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
