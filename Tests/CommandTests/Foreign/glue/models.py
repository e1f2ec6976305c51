"""The models that django-scim2 asks every project to write for itself."""
from django.contrib.auth.models import AbstractUser
from django.db import models
from django_scim.models import AbstractSCIMGroupMixin, AbstractSCIMUserMixin


class Group(AbstractSCIMGroupMixin):
    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=255, unique=True)


class User(AbstractSCIMUserMixin, AbstractUser):
    id = models.BigAutoField(primary_key=True)
    teams = models.ManyToManyField(Group, related_name="user_set", blank=True)
    groups = None
    user_permissions = None

    @property
    def scim_groups(self):
        return self.teams
