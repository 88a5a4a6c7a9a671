"""The few facts of a worker Deployment that scaling and status work from."""

from attune_operator.resources.policy import Metadata
from attune_operator.resources.schema import ResourceModel


class PodSpec(ResourceModel):
    """What its pods are."""

    termination_grace_period_seconds: int = 30


class PodTemplate(ResourceModel):
    """What its pods are made from."""

    spec: PodSpec = PodSpec()


class DeploymentSpec(ResourceModel):
    """What the Deployment is set to."""

    replicas: int = 1
    template: PodTemplate = PodTemplate()


class DeploymentStatus(ResourceModel):
    """What there is of it."""

    ready_replicas: int = 0


class WorkerDeployment(ResourceModel):
    """A Deployment of workers."""

    metadata: Metadata
    spec: DeploymentSpec
    status: DeploymentStatus = DeploymentStatus()

    @property
    def replicas(self) -> int:
        """Workers that it is set to."""
        return self.spec.replicas

    @property
    def ready(self) -> int:
        """Worker pods that are ready."""
        return self.status.ready_replicas

    @property
    def grace_seconds(self) -> int:
        """How long a worker that is taken away may go on with what it runs."""
        return self.spec.template.spec.termination_grace_period_seconds

    def scaled(self, replicas: int, resource_version: str) -> "WorkerDeployment":
        """The Deployment after its scale was set, as the answer to that says."""
        return self.model_copy(
            update={
                "metadata": self.metadata.model_copy(update={"resource_version": resource_version}),
                "spec": self.spec.model_copy(update={"replicas": replicas}),
            }
        )
