package ledger

import (
	"context"
	"errors"
	"io"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/s3blob" // s3:// URLs
	"gocloud.dev/gcerrors"
)

// bucket holds objects in a Go CDK bucket. In S3, create uses If-None-Match, which the bucket's server must support.
type bucket struct{ *blob.Bucket }

func openBucket(ctx context.Context, rawURL string) (bucket, error) {
	b, err := blob.OpenBucket(ctx, rawURL)
	return bucket{b}, err
}

func (b bucket) create(ctx context.Context, name string, content []byte) error {
	err := b.WriteAll(ctx, name, content, &blob.WriterOptions{ContentType: "application/json", IfNotExist: true})
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return errExists
	}
	return err
}

func (b bucket) replace(ctx context.Context, name string, content []byte) error {
	return b.WriteAll(ctx, name, content, &blob.WriterOptions{ContentType: "application/json"})
}

func (b bucket) read(ctx context.Context, name string) ([]byte, error) {
	content, err := b.ReadAll(ctx, name)
	return content, known(err)
}

func (b bucket) remove(ctx context.Context, name string) error {
	ok, err := b.Exists(ctx, name) // S3 removes a missing object without an error
	switch {
	case err != nil:
		return err
	case !ok:
		return errMissing
	}
	return known(b.Delete(ctx, name))
}

// known returns errMissing if the error says that the object does not exist.
func known(err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return errMissing
	}
	return err
}

func (b bucket) list(ctx context.Context, folder string, each func(object) error) error {
	for it := b.List(&blob.ListOptions{Prefix: folder + "/"}); ; {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := each(object{name: o.Key, written: o.ModTime}); err != nil {
			return err
		}
	}
}

func (b bucket) close() error { return b.Close() }
