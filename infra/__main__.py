"""The story: settings, then what the app needs, then the release step, then the web. The same on every platform."""

from infra.context import Context
from infra.environment import AppEnvironment, SecretKey
from infra.outputs import export_outputs
from infra.platforms import load_platform
from infra.settings import Settings

settings = Settings.load()  # every setting checked, or one error that lists all that is wrong
platform = load_platform(settings.platform)
platform.preflight(settings)  # the machine or account checked, before anything is made

image = platform.AppImage("image", settings)
network = platform.Network("network", settings)
context = Context(settings, network)  # what all other components are made with
address = platform.Address("address", context)
database = platform.Database("database", context)
media = platform.MediaStorage("media", context, address)
environment = AppEnvironment.of(settings, address, database, media, SecretKey("secret-key"))
release = platform.Release("release", context, image, environment)
web = platform.Web("web", context, address, environment, release)
export_outputs(address, image, environment, release)
