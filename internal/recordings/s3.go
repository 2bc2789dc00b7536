package recordings

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/s3blob" // s3:// URLs
)

const (
	partSize     = 5 << 20 // the least that S3 takes; the few parts in memory are all that an upload needs
	abortTimeout = 10 * time.Second
)

// tuneS3 makes an upload to S3 take little memory, and clean up after itself when it is cancelled: by default the
// request that aborts it would be cancelled with it, and its parts be kept, and paid for, for ever.
func tuneS3(bucket *blob.Bucket, as func(any) bool) {
	var client *s3.Client
	var manager *transfermanager.Client
	if !bucket.As(&client) || !as(&manager) {
		return
	}
	*manager = *transfermanager.New(client, func(o *transfermanager.Options) {
		o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency = partSize, partSize, 1
		o.FailTimeout = abortTimeout
		o.RequestChecksumCalculation = client.Options().RequestChecksumCalculation
	})
}
