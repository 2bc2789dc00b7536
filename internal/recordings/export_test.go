package recordings

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// AfterGuard lets a test see, and stop, every connection that the guard allows, before a packet leaves.
func (f *Fetcher) AfterGuard(hook func(address string) error) { f.guard.After(hook) }

// Names lists every object in the store.
func (s *Store) Names(ctx context.Context) []string {
	names := []string{}
	it := s.bucket.List(nil)
	for o, err := it.Next(ctx); err == nil; o, err = it.Next(ctx) {
		names = append(names, o.Key)
	}
	return names
}

// Delete removes an object.
func (s *Store) Delete(ctx context.Context, name string) error { return s.bucket.Delete(ctx, name) }

// Uploads lists the multipart uploads that were neither finished nor aborted.
func (s *Store) Uploads(ctx context.Context) []string {
	var client *s3.Client
	if !s.bucket.As(&client) {
		return nil
	}
	out, err := client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: aws.String("recordings")})
	if err != nil {
		return []string{err.Error()}
	}
	open := []string{}
	for _, u := range out.Uploads {
		open = append(open, aws.ToString(u.Key))
	}
	return open
}
