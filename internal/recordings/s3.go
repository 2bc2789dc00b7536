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
	partSize     = 5 << 20 // the least that S3 takes; the few parts in memory, 24 MiB in all, are all that an upload needs
	abortTimeout = 10 * time.Second
)

// s3Client returns the client of a store in S3, else nil.
func (s *Store) s3Client() *s3.Client {
	var client *s3.Client
	s.bucket.As(&client)
	return client
}

// takeTurn waits until an upload of a recording may begin: one at a time, for the memory that it takes. leave ends the
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

// upload is Store.write for S3. What a cancelled upload has sent must be aborted, or it is kept, and paid for, for
// ever; and a part that arrives while its upload is aborted stays too. So it is the reading that ends when ctx does:
// the part under way is finished, if it is quick, and the upload is aborted behind it.
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

// cancellable is a reader that fails once its context is over.
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
