// The local stack's mail server for networks without an image registry. tools/setup builds the module as its own main
// module, since its page has to be built first, and puts it into an image; here is its version.
module django-stack/tools/mailpit

go 1.26.0

require github.com/axllent/mailpit v1.33.1
