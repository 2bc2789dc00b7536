package history

import (
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/taskqueue/v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const somebody = "capture"

// scrub replaces the names of machines and processes: identities, and the task queues that a worker keeps for itself.
// Replay reads neither.
func scrub(message protoreflect.Message) {
	if queue, ok := message.Interface().(*taskqueue.TaskQueue); ok && queue.Kind == enums.TASK_QUEUE_KIND_STICKY {
		queue.Name = somebody
	}
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap():
		case field.IsList() && field.Message() != nil:
			for i := range value.List().Len() {
				scrub(value.List().Get(i).Message())
			}
		case field.Message() != nil:
			scrub(value.Message())
		case field.Name() == "identity":
			message.Set(field, protoreflect.ValueOfString(somebody))
		}
		return true
	})
}
