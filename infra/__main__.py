"""The program: settings, then what the app needs, then the release step, then the web. The same on every platform."""

from infra.environment import AppEnvironment, SecretKey
from infra.outputs import export_outputs
from infra.platforms import load_platform
from infra.settings import Settings

settings = Settings.load()  # checks every setting; one error lists all that is wrong
platform = load_platform(settings.platform)
platform.preflight(settings)  # checks the machine or the account before anything is created

image = platform.AppImage("image", settings)
network = platform.Network("network", settings)
address = platform.Address("address", settings, network)
database = platform.Database("database", settings, network)
media = platform.MediaStorage("media", settings, network, address)
environment = AppEnvironment.of(settings, address, database, media, SecretKey("secret-key"))
release = platform.Release("release", settings, network, image, environment)
web = platform.Web("web", settings, network, address, image, environment, after=release)
export_outputs(address, image, environment, release)
