package recordings

import (
	"context"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/s3blob" // s3:// URLs
)

const (
	partSize     = 5 << 20 // the least that S3 accepts; an upload needs only the memory of its few parts, 24 MiB in all
	abortTimeout = 10 * time.Second
)

// s3Client returns the client of a store in S3, else nil.
func (s *Store) s3Client() *s3.Client {
	var client *s3.Client
	s.bucket.As(&client)
	return client
}

// takeTurn waits until an upload of a recording may begin. It allows one at a time, to bound the memory. leave ends the
// turn.
func (s *Store) takeTurn(ctx context.Context) (leave func(), err error) {
	if s.turns == nil {
		return func() {}, nil
	}
	select {
	case s.turns <- struct{}{}:
		return func() { <-s.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// upload is Store.write for S3. A cancelled upload must be aborted, or its parts are kept, and paid for, for ever; a part
// that arrives during the abort stays too. So when ctx ends, only the reading ends: the current part is finished, if it is
// quick, and then the upload is aborted.
func (s *Store) upload(ctx context.Context, client *s3.Client, name, contentType string, from io.Reader) error {
	patient, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(abortTimeout, cancel) })()
	return s.bucket.Upload(patient, name, cancellable{ctx, from}, &blob.WriterOptions{
		ContentType: contentType, IfNotExist: true,
		BeforeWrite: func(as func(any) bool) error {
			var manager *transfermanager.Client
			if as(&manager) {
				*manager = *transfermanager.New(client, func(o *transfermanager.Options) {
					o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency = partSize, partSize, 1
					o.FailTimeout = abortTimeout
					o.RequestChecksumCalculation = client.Options().RequestChecksumCalculation
				})
			}
			return nil
		},
	})
}

// cancellable is a reader that fails once its context has ended.
type cancellable struct {
	ctx context.Context
	io.Reader
}

func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.Reader.Read(p)
}
